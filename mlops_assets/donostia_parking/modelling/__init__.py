"""How free places are forecast: training, backtests, promotion and live accuracy. Neither Dagster nor MLflow here."""
