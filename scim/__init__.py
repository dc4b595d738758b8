"""SCIM 2: institutions create, change and deactivate accounts and memberships (ADR 50), by scim2-server."""
