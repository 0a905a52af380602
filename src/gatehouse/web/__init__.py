"""How HTTP is spoken: who may enter, what comes in, what goes out."""
