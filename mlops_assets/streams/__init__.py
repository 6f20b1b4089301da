"""What every stream of events has in common: messages that become records or dead letters, and how they are sent."""
