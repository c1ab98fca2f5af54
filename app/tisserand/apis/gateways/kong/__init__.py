"""Kong Gateway 3: as a declarative file (decK), through its Admin API without a database, or entity by entity with one."""
