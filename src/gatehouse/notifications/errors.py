"""What the notifications feature refuses."""

from typing import ClassVar

from gatehouse.core.errors import Members, Unprocessable


class UnknownRecipient(Unprocessable):
    """Nobody could get the notification: no such active account, no such role."""

    code = "unknown_recipient"
    title = "There is no such recipient"
    remedy = "Choose another one; `errors` says which member it is about."
    example: ClassVar[Members] = {"errors": {"role": ["There is no such role."]}}
