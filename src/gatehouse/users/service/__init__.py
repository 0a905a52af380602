"""The rules about accounts; what they decide knows neither a request nor a status code."""
