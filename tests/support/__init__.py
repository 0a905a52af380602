"""What tests share: a client of the API, databases, mail, a clock, forged tokens, races."""
