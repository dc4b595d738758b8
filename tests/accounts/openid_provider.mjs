// An OpenID provider that nobody here wrote (npm oidc-provider), on loopback. Its argument, JSON: {"scopes": {scope:
// [claims]}, "redirect": uri}. A line of JSON on stdin, {sub: {"id_token": {…}, "userinfo": {…}}}, says who may sign in
// from now on, with any password; the line on stdout that answers it, or the first, is the issuer. It ends with stdin.
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import Provider from "oidc-provider";

const { scopes, redirect } = JSON.parse(process.argv[2]);
let people = {};

function client(id, more) {
  return {
    client_id: id,
    client_secret: "a secret between the two, of 32 or more",
    token_endpoint_auth_method: "client_secret_post",
    application_type: "native", // so any port of loopback may be returned to
    redirect_uris: [redirect],
    ...more,
  };
}

const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    claims: scopes,
    clients: [
      client("portal", {}),
      client("portal-signed", { userinfo_signed_response_alg: "RS256" }),
      client("portal-encrypted", { userinfo_signed_response_alg: "RS256", userinfo_encrypted_response_alg: "dir" }),
      client("portal-encrypted-id", { id_token_encrypted_response_alg: "dir" }),
    ],
    conformIdTokenClaims: false, // as providers do it that name groups in the ID token
    features: { encryption: { enabled: true }, jwtUserinfo: { enabled: true } },
    enabledJWA: {
      idTokenEncryptionAlgValues: ["dir"],
      userinfoEncryptionAlgValues: ["dir"],
    },
    findAccount: (_context, sub) =>
      people[sub] && { accountId: sub, claims: (use) => ({ sub, ...people[sub][use] }) },
    pkce: { required: () => true },
  });
  server.on("request", provider.callback());
  process.stdout.write(`${issuer}\n`);
  createInterface({ input: process.stdin })
    .on("line", (line) => {
      people = JSON.parse(line);
      process.stdout.write(`${issuer}\n`);
    })
    .on("close", () => process.exit(0));
});
