"""How free spaces are forecast: training, backtests, promotion and live accuracy. Neither Dagster nor MLflow here."""
