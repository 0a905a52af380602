"""The whole model: what the service must say at every door that the machine tries."""

from tests.model.desk import Desk
from tests.model.entrance import Entrance


class Model(Entrance, Desk):
    """A small service without HTTP, SQL or hashing."""
