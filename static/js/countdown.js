// [data-ends-at]: the time left, as "21 h 14 min", updated each minute; then [data-ended].

const MINUTE_MS = 60_000;

function left(ms) {
  const minutes = Math.ceil(ms / MINUTE_MS);
  const hours = Math.floor(minutes / 60);
  const parts = [hours && `${hours}\u00a0h`, (minutes % 60 || !hours) && `${minutes % 60}\u00a0min`];
  return parts.filter(Boolean).join("\u00a0");
}

function tell(clock) {
  const ms = new Date(clock.dataset.endsAt) - Date.now();
  clock.textContent = ms > 0 ? left(ms) : clock.dataset.ended;
}

setInterval(() => {
  for (const clock of document.querySelectorAll("[data-ends-at]")) tell(clock);
}, MINUTE_MS / 4);
