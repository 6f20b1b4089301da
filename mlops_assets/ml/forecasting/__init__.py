"""Forecasts of many hourly series at once: candidates, rolling-origin backtests, the choice among candidates, intervals.

A `Panel` holds the series side by side. A candidate is fitted on a panel and then forecasts from any number of origins in one
call, so that a backtest of hundreds of origins costs a few array operations instead of as many fits. An origin is the number of
an hour: all hours before it are known, and the hour itself is the first to be forecast. Nothing here knows a domain, a run or a
store; limits, moments and time zones are arguments.

Arrays are indexed in this order: origin, series, horizon. Horizon 1 is at index 0. NaN means unknown.

The modules work on arrays and are imported where they are used.
"""
