"""The dashboards: a module each, with a function `dashboard` of a warehouse."""
