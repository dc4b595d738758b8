"""Run OpenLDAP's server with people of our own."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ldap
from ldap import modlist

from accounts.identity_providers import Ldap
from tests.ports import free_port, is_listening
from tests.requirements import find_slapd
from tests.servers import Server

BASE, PEOPLE, GROUPS = "dc=example,dc=edu", "ou=people,dc=example,dc=edu", "ou=groups,dc=example,dc=edu"
ROOT, SECRET, PASSWORD = f"cn=reader,{BASE}", "of the reader", "correct horse"
SCHEMA = """
attributetype ( 1.3.6.1.4.1.5923.1.1.1.1 NAME 'eduPersonAffiliation' SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
attributetype ( 1.3.6.1.4.1.5923.1.1.1.7 NAME 'eduPersonEntitlement' SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
attributetype ( 1.3.6.1.4.1.5923.1.5.1.1 NAME 'isMemberOf' SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
objectclass ( 1.3.6.1.4.1.5923.1.1.2 NAME 'eduPerson' AUXILIARY
  MAY ( eduPersonAffiliation $ eduPersonEntitlement $ isMemberOf ) )
"""


class Slapd(Server):
    """A directory; `certificate` is a file with a certificate for the loopback address and its key."""

    def __init__(self, certificate: Path) -> None:
        super().__init__()
        self.certificate = certificate
        self.url = f"ldap://127.0.0.1:{self.port}"
        self.tls_url = f"ldaps://127.0.0.1:{free_port()}"

    def prepare(self) -> None:
        """Write the configuration."""
        schemas = "\n".join(f"include /etc/ldap/schema/{name}.schema" for name in ("core", "cosine", "inetorgperson"))
        (self.folder / "slapd.conf").write_text(f"""{schemas}
{SCHEMA}
allow bind_anon_cred bind_anon_dn
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCertificateFile {self.certificate}
TLSCertificateKeyFile {self.certificate}
database mdb
directory {self.folder}
suffix "{BASE}"
rootdn "{ROOT}"
rootpw "{SECRET}"
access to attrs=userPassword by anonymous auth
access to * by * none
""")

    def command(self) -> list[str]:
        """Return the program; with -d it stays in the foreground."""
        return [str(find_slapd()), "-f", str(self.folder / "slapd.conf"), "-h", f"{self.tls_url} {self.url}", "-d", "0"]

    def environment(self) -> dict[str, str]:
        """Return nothing: it needs none."""
        return {}

    def _has_started(self) -> bool:
        return is_listening(self.port)

    def provider(self, **more: Any) -> Ldap:
        """Return how the portal uses it."""
        usual = {"name": "Computing centre", "bind_dn": ROOT, "bind_password": SECRET, "refused_after_s": 0.0}
        return Ldap(**{"id": "dir", "server": self.url, "base": PEOPLE, **usual, **more})

    def fill(self) -> None:
        """Make the folders of people and groups."""
        self.add(BASE, {"objectClass": ["dcObject", "organization"], "dc": ["example"], "o": ["Example"]})
        for folder in (PEOPLE, GROUPS):
            self.add(folder, {"objectClass": ["organizationalUnit"], "ou": [folder.partition(",")[0][3:]]})

    def knows(self, uid: str, attributes: Mapping[str, Sequence[str]]) -> str:
        """Make a person, or give them exactly these attributes; return their distinguished name."""
        dn = f"uid={uid},{PEOPLE}"
        self.add(
            dn,
            {
                "objectClass": ["inetOrgPerson", "eduPerson"],
                "cn": [uid],
                "sn": [uid],
                "userPassword": [PASSWORD],
                **attributes,
                "uid": [uid],
            },
        )
        return dn

    def add(self, dn: str, attributes: Mapping[str, Sequence[str]]) -> None:
        """Write an entry, in place of the one that there is; it keeps its entryUUID."""
        entry = {name: [value.encode() for value in values] for name, values in attributes.items()}
        connection = ldap.initialize(self.url)
        connection.simple_bind_s(ROOT, SECRET)
        try:
            connection.add_s(dn, modlist.addModlist(entry))
        except ldap.ALREADY_EXISTS:
            [(_dn, before)] = connection.search_ext_s(dn, ldap.SCOPE_BASE)
            connection.modify_s(dn, modlist.modifyModlist(before, entry))
        finally:
            connection.unbind_s()
