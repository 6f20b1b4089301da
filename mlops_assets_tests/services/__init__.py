"""Real servers for tests: started here where the machine can, or used where the environment names one."""
