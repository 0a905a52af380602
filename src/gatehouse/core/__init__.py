"""Words that every layer may speak: no Flask, no SQL, no settings."""
