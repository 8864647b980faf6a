"""What each role may do, as a table."""

from __future__ import annotations

from flask import render_template

from ...access import GRANTS, ROLE_NAMES, SENTENCES, Permission, Role, requires
from . import bp


@bp.get("/roles")
@requires(Permission.USER_MANAGE, Permission.AUDIT_VIEW)
def roles() -> str:
    return render_template(
        "admin/roles.html",
        roles=list(Role),
        names=ROLE_NAMES,
        permissions=list(Permission),
        sentences=SENTENCES,
        grants=GRANTS,
    )
