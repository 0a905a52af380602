// The pages to which mails lead: take the token out of the address, post it, say what came of it.
"use strict";

(() => {
  // A fragment is sent to no server. It leaves the address and the history too; a reload keeps it.
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) history.replaceState({ token: given }, "", location.pathname);
  const token = history.state?.token;
  addEventListener("hashchange", () => location.reload());

  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  function show(element, is = true) {
    element.hidden = !is;
    all("input[name]", element).forEach((input) => { input.disabled = !is; });
  }

  function tell(form, text) {
    const notice = form.querySelector(".notice");
    notice.hidden = !text;
    notice.textContent = text;
  }

  function mark(input, text) {
    document.getElementById(`${input.id}-error`).textContent = text;
    if (text) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }

  function later(seconds) {
    const minutes = Math.ceil(seconds / 60);
    if (seconds < 90) return `in ${seconds} ${seconds === 1 ? "second" : "seconds"}`;
    return minutes < 90 ? `in ${minutes} minutes` : `in ${Math.ceil(minutes / 60)} hours`;
  }

  function inputs(form) {
    return all("input[name]", form).filter((input) => !input.disabled);
  }

  // What is wrong, in words, beside the field where there is one.
  function explain(form, answer, problem) {
    const fields = inputs(form);
    const errors = problem.errors ?? {};
    if (problem.code === "wrong_password") errors.password = ["This is not the password of the account."];
    const marked = fields.filter((input) => errors[input.name]);
    marked.forEach((input) => mark(input, errors[input.name].join(" ")));

    const wait = Number(answer.headers.get("Retry-After"));
    let text = problem.detail ?? "Something went wrong.";
    const isStale = problem.code === "one_time_token_invalid" || errors.token;
    if (isStale) {
      text = "This link no longer works. It works once, for an hour, and only the newest one.";
    } else if (answer.status === 429) {
      text = `That was too often. Try again ${later(wait || 60)}.`;
    } else if (answer.status >= 500) {
      text = wait
        ? `The service is busy. Try again ${later(wait)}.`
        : `Something went wrong here. If it happens again, tell us this number: ${problem.instance ?? "none"}`;
    } else if (problem.code === "email_taken") {
      text = "This address belongs to another account by now.";
    } else if (marked.length) {
      text = "";
    }
    tell(form, text);
    (marked[0] ?? form.querySelector("button")).focus();
    if (isStale) offer(form);
  }

  // A dead link leads to a new mail; whoever typed the code may have mistyped it.
  function offer(form) {
    if (token) all(".field, button", form).forEach((part) => show(part, false));
    all("[data-when-stale]").forEach((step) => {
      show(step);
      step.querySelector("input").focus();
    });
  }

  function finish(form) {
    const step = form.closest(".step");
    all(".step").filter((other) => other !== step).forEach((other) => show(other, false));
    show(form, false);
    const done = step.querySelector(".done");
    show(done);
    done.querySelector("h2").focus();
    if (step.hasAttribute("data-needs-token")) history.replaceState(null, "", location.pathname);
  }

  async function submit(event) {
    event.preventDefault();
    const form = event.target;
    const button = form.querySelector("button[type=submit]");
    if (button.getAttribute("aria-disabled") === "true") return;
    tell(form, "");
    const fields = inputs(form);
    fields.forEach((input) => mark(input, input.value ? "" : "Needed."));
    const empty = fields.find((input) => !input.value);
    if (empty) return empty.focus();

    const body = Object.fromEntries(fields.map((input) => [input.name, input.value]));
    if ("token" in body) body.token = body.token.trim();
    else if (token && form.closest("[data-needs-token]")) body.token = token;
    button.setAttribute("aria-disabled", "true");
    try {
      const answer = await fetch(form.getAttribute("action"), {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(body),
        credentials: "omit",
      });
      if (answer.ok) finish(form);
      else explain(form, answer, await answer.json().catch(() => ({})));
    } catch {
      tell(form, "The service could not be reached. Check your connection and try again.");
    } finally {
      button.removeAttribute("aria-disabled");
    }
  }

  all("form").forEach((form) => form.addEventListener("submit", submit));
  all("[data-token]").forEach((field) => show(field, !token));
  all("[data-shows]").forEach((box) => box.addEventListener("change", () => {
    document.getElementById(box.dataset.shows).type = box.checked ? "text" : "password";
  }));
  all("[data-choose]").forEach((button) => button.addEventListener("click", () => {
    all("[data-choice]").forEach((field) => show(field, field.dataset.choice === button.dataset.choose));
    all("[data-choose]").forEach((other) => { other.hidden = other === button; });
    document.querySelector(`[data-choice="${button.dataset.choose}"] input`).focus();
  }));
})();
