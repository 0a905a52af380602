"""The services that Gatehouse is compared with, written as their communities do."""
