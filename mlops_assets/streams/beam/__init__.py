"""What every Beam pipeline of the platform has in common: reading a log or a recording, writing to stores, and running.

Apache Beam is an extra; nothing but this package and the domains' `streaming` imports it.
"""
