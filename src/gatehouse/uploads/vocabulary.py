"""The limits, jobs and places of the uploads feature."""

from datetime import timedelta

from gatehouse.infra.limits import Rule

AVATAR_URL = Rule("avatar_url", "10/hour")
AVATAR_URL_ADDRESS = Rule("avatar_url_address", "60/hour")
AVATAR_CONFIRM = Rule("avatar_confirm", "60/hour")

DELETE_BLOB = "uploads.delete"

# Where uploads wait until somebody has looked at them, within a container.
INCOMING = "incoming"
# What an account's `avatar` begins with: the folder of /uploads that everybody may read.
AVATARS = "avatars"

URL_LIFE = timedelta(minutes=15)
# A person's older ones are withdrawn, so that nobody fills the disk with what they never confirm.
MOST_UNCONFIRMED = 2
UNCONFIRMED_LIFE = timedelta(hours=24)
# Nobody confirms what is about to be swept.
CONFIRMED_WITHIN = UNCONFIRMED_LIFE - timedelta(hours=1)
