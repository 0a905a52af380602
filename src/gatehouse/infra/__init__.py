"""The only files that know a vendor: database, Redis, limits, mail, jobs, keys, logs."""
