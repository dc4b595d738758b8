// [data-course-sum]: what all students can spend together, updated whenever a field changes.

const FIELDS = ["max_students", "key_budget_usd", "playground_budget_usd"];

function values(group) {
  return FIELDS.map((name) => Number(group.querySelector(`[name="${name}"]`).value));
}

function update(group) {
  const [students, key, playground] = values(group);
  const each = key + playground;
  const line = group.querySelector("[data-sum]").closest("p");
  line.hidden = !(students > 0 && each > 0);
  const digits = { maximumFractionDigits: 2 };
  const words = (number) => number.toLocaleString(document.documentElement.lang, digits);
  group.querySelector("[data-students]").textContent = words(students);
  group.querySelector("[data-each]").textContent = words(each);
  group.querySelector("[data-sum]").textContent = words(students * each);
}

for (const group of document.querySelectorAll("[data-course-sum]")) {
  group.addEventListener("input", (event) => {
    if (FIELDS.includes(event.target.name)) update(group);
  });
}
