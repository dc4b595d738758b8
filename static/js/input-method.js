// Whether a key belongs to an input method (Chinese, Japanese, Korean …): the Enter that confirms a suggestion, the
// Escape that cancels it. Safari ends the composition before that keydown, which then has the old code only

const PROCESS_KEY = 229;

export function isOfInputMethod(event) {
  return event.isComposing || event.keyCode === PROCESS_KEY;
}
