"""From the token in the address to the row it stands for."""

from __future__ import annotations

from flask import url_for

from ... import links
from ...links import Kind
from ...values import Value


class Link(Value):
    """An address that was asked for. One we did not sign asks the database as well, and finds nothing: an unknown
    token takes as long as a dead one."""

    kind: Kind
    token: str
    public_id: str
    generation: int

    @classmethod
    def read(cls, kind: Kind, token: str) -> Link:
        public_id, generation = links.read(kind, token) or ("", 0)
        return cls(kind, token, public_id, generation)

    @classmethod
    def to(cls, kind: Kind, public_id: str, generation: int) -> Link:
        return cls(kind, links.mint(kind, public_id, generation), public_id, generation)

    def document_url(self, kind: str) -> str:
        return url_for(f"public.{self.kind}_document", token=self.token, kind=kind)

    def file_url(self, file_id: int) -> str:
        return url_for("public.approve_file", token=self.token, file_id=file_id)

    def url(self, action: str = "") -> str:
        """The address of this link's page, or of one of its actions: `sign`, `progress`, …"""
        endpoint = {"approve": "approve", "pay": "pay", "method": "add_method"}[self.kind]
        return url_for(f"public.{endpoint}_{action}" if action else f"public.{endpoint}", token=self.token)
