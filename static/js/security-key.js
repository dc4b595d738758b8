// [data-security-key="create" or "get"]: a form whose hidden `credential` is what a security key answers to the options
// in the JSON of [data-options]. Without an answer the words of [data-failed] are shown in its [role=alert].

const toBytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));

function toText(bytes) {
  const text = btoa(String.fromCharCode(...new Uint8Array(bytes)));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

const withBytes = (list) => (list ?? []).map((each) => ({ ...each, id: toBytes(each.id) }));

function decoded(options) {
  const found = { ...options, challenge: toBytes(options.challenge) };
  if (options.user) found.user = { ...options.user, id: toBytes(options.user.id) };
  if (options.excludeCredentials) found.excludeCredentials = withBytes(options.excludeCredentials);
  if (options.allowCredentials) found.allowCredentials = withBytes(options.allowCredentials);
  return found;
}

function encoded(credential) {
  const response = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature"]) {
    if (credential.response[name]) response[name] = toText(credential.response[name]);
  }
  return JSON.stringify({
    id: credential.id,
    rawId: toText(credential.rawId),
    type: credential.type,
    response,
    clientExtensionResults: credential.getClientExtensionResults(),
  });
}

async function ask(form) {
  const failed = form.querySelector("[role=alert]");
  failed.hidden = true;
  try {
    const { publicKey } = JSON.parse(document.getElementById(form.dataset.options).textContent);
    const options = { publicKey: decoded(publicKey) };
    form.elements.credential.value = encoded(await navigator.credentials[form.dataset.securityKey](options));
    form.submit();
  } catch {
    failed.hidden = false; // cancelled, too late, no such key, or a browser that knows none
  }
}

for (const form of document.querySelectorAll("[data-security-key]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    ask(form);
  });
}
