"""The demo's mailbox, where customers' mail arrives. Open to everybody, so it exists outside production only.

Stored mails hold a placeholder; the real link is minted here, when somebody opens one (invariant 22).
"""

from __future__ import annotations

from io import BytesIO

from flask import Blueprint, Response, abort, current_app, g, render_template, request, send_file

from ..access import public
from ..mail.rendering import with_link
from ..mail.targets import mint
from ..queries import mailbox

bp = Blueprint("mailbox", __name__, url_prefix="/mailbox")

# A mail brings its own styles and nothing else; it may be framed by the page around it, and by no other.
BODY_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none';"
    " frame-ancestors 'self'; sandbox allow-top-navigation-by-user-activation allow-popups"
)


@bp.before_request
def only_where_it_stands_in_for_mail() -> None:
    if current_app.config["PRODUCTION"] or current_app.config["MAIL_TRANSPORT"] != "mailbox":
        abort(404)
    g.token_page = True  # nothing that has a link in it is kept by browsers, or named to the next page


@bp.get("/")
@public
def index() -> str:
    messages, older = mailbox.inbox(request.args.get("before", type=int))
    return render_template("mailbox/index.html", messages=messages, older=older)


@bp.get("/<int:message_id>")
@public
def message(message_id: int) -> str:
    mail = mailbox.message(message_id)
    as_text = request.args.get("view") == "text"
    link = mint(mail.link_kind, mail.link_public_id) if as_text else ""
    text = with_link(mail.text, link)
    return render_template("mailbox/message.html", mail=mail, as_text=as_text, link=link, text=text)


@bp.get("/<int:message_id>/body")
@public
def body(message_id: int) -> Response:
    """The mail itself, for the frame; its links open in the whole window."""
    mail = mailbox.message(message_id)
    html = with_link(mail.html, mint(mail.link_kind, mail.link_public_id))
    response = Response(html.replace("<head>", '<head><base target="_top">', 1))
    response.headers["Content-Security-Policy"] = BODY_POLICY
    return response


@bp.get("/<int:message_id>/attachments/<int:index>")
@public
def attachment(message_id: int, index: int) -> Response:
    name, content = mailbox.attachment(message_id, index)
    return send_file(BytesIO(content), mimetype="application/pdf", as_attachment=True, download_name=name)
