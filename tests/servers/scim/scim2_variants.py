"""scim2-server with some of its abilities taken away, as a WSGI application.

The engine, its storage and its strictness are scim2-server's; only what it announces (and therefore does) is narrowed,
by the name in SCIM_VARIANT. Under gunicorn it also keeps connections open, which its own command does not.
"""

import os

from scim2_models import Pagination, ScimProvider
from scim2_server.memory import InMemoryStorage
from scim2_server.service import ScimService
from scim2_server.testserver.application import BEARER_TOKEN_SCHEME, BearerTokenApplication
from scim2_server.utils import (
    load_default_resource_types,
    load_default_schemas,
    load_default_service_provider_config,
)

variant = os.environ["SCIM_VARIANT"]

config = load_default_service_provider_config()
config.authentication_schemes = [BEARER_TOKEN_SCHEME]
if variant == "cursor":
    config.pagination = Pagination(
        cursor=True,
        index=False,
        default_pagination_method="cursor",
        default_page_size=25,
        max_page_size=25,
        cursor_timeout=60,
    )
elif variant == "no-patch":
    config.patch.supported = False
elif variant == "no-filter":
    config.filter.supported = False
elif variant == "no-etag":
    config.etag.supported = False
else:
    raise SystemExit(f"there is no variant {variant}")

provider = ScimProvider.from_discovery(
    load_default_schemas().values(), load_default_resource_types().values(), config=config
)
application = BearerTokenApplication(
    InMemoryStorage(),
    provider,
    # The secret signs the cursors.
    service=ScimService(provider, secret="for the cursors of one test"),
    bearer_tokens=[os.environ["SCIM_TOKEN"]],
)
