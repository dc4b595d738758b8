// Whether a key belongs to an input method (Chinese, Japanese, Korean …): the Enter that confirms what it offers, the
// Escape that drops it. Safari ends the composition before that keydown, which then only has the old code of such keys.

const PROCESS_KEY = 229;

export function isOfInputMethod(event) {
  return event.isComposing || event.keyCode === PROCESS_KEY;
}
