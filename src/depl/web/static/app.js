/* What pages can do more of where scripts run: times in the reader's zone, countdowns, questions before what is
   dangerous, copying. Everything works without it. What arrives later is seen to by the observer at the end. */
"use strict";

(() => {
  const now = document.querySelector('meta[name="depl-now"]');
  const skew = now ? Date.parse(now.content) - Date.now() : 0; // of the reader's clock
  const clock = () => Date.now() + (Math.abs(skew) > 5000 ? skew : 0);
  const format = (how) => new Intl.DateTimeFormat("en-GB", { hourCycle: "h23", ...how });
  const hour = { hour: "2-digit", minute: "2-digit" };
  const day = { day: "numeric", month: "short" };
  const FORMS = {
    today: format({ ...hour, second: "2-digit" }),
    thisYear: format({ ...day, ...hour }),
    other: format({ ...day, year: "numeric", ...hour }),
  };

  // -- times

  function spoken(seconds) {
    const whole = Math.max(0, Math.round(seconds));
    for (const [size, word, rest, least] of [[86400, "d", 3600, "h"], [3600, "h", 60, "min"], [60, "min", 1, "s"]]) {
      if (whole < size) continue;
      const left = Math.floor((whole % size) / rest);
      return `${Math.floor(whole / size)} ${word}${left ? ` ${left} ${least}` : ""}`;
    }
    return `${whole} s`;
  }

  function ago(seconds) {
    if (seconds < 10) return "just now";
    if (seconds < 60) return `${Math.round(seconds)} s ago`;
    for (const [size, word] of [[86400, "d"], [3600, "h"], [60, "min"]]) {
      if (seconds >= size) return `${Math.floor(seconds / size)} ${word} ago`;
    }
  }

  function local(when) {
    const then = new Date(when), today = new Date();
    if (then.toDateString() === today.toDateString()) return FORMS.today.format(then);
    return FORMS[then.getFullYear() === today.getFullYear() ? "thisYear" : "other"].format(then);
  }

  function say(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  function tell(element) {
    const when = Date.parse(element.dateTime);
    if (Number.isNaN(when)) return;
    const past = (clock() - when) / 1000;
    say(element, element.hasAttribute("data-ago") && past >= 0 ? ago(past) : local(when));
  }

  function count(element) {
    const left = (Date.parse(element.dataset.until) - clock()) / 1000;
    if (Number.isNaN(left)) return;
    say(element, left > 0 ? `${spoken(left)} left` : element.dataset.over || "over");
    element.classList.toggle("is-over", left <= 0);
  }

  function pass(element) {
    const since = Date.parse(element.dataset.since);
    if (!Number.isNaN(since)) say(element, spoken((clock() - since) / 1000));
  }

  function heard(element) {
    const past = (clock() - Date.parse(element.dataset.heard)) / 1000;
    if (Number.isNaN(past)) return;
    say(element, `heard ${spoken(past)} ago`);
    element.classList.toggle("is-late", past > Number(element.dataset.late));
  }

  document.addEventListener("depl:heard", (event) => { // how many seconds ago
    const at = new Date(clock() - 1000 * Number(event.detail.data)).toISOString();
    for (const element of document.querySelectorAll("[data-heard]")) {
      element.dataset.heard = at;
      heard(element);
    }
  });

  // -- what is there, and what comes

  const SEEN_TO = [
    ["time[datetime]", tell],
    ["[data-until]", count],
    ["[data-since]", pass],
    ["[data-heard]", heard],
    ["[data-copy]", (button) => { button.hidden = !window.isSecureContext; }],
    ["a[data-go]", (link) => location.replace(link.href)], // what was awaited is there
  ];

  function seeTo(root) {
    for (const [which, act] of SEEN_TO) {
      if (root.matches && root.matches(which)) act(root);
      root.querySelectorAll(which).forEach(act);
    }
  }

  seeTo(document);
  new MutationObserver((changes) => {
    for (const change of changes) {
      for (const node of change.addedNodes) if (node.nodeType === Node.ELEMENT_NODE) seeTo(node);
      const around = change.type === "characterData" ? change.target.parentElement : change.target;
      if (around?.matches("time, [data-until], [data-since], [data-heard]")) seeTo(around); // an element that stayed got another text
    }
  }).observe(document.body, { childList: true, characterData: true, subtree: true });

  setInterval(() => {
    document.querySelectorAll("[data-until]").forEach(count);
    document.querySelectorAll("[data-since]").forEach(pass);
    document.querySelectorAll("[data-heard]").forEach(heard);
  }, 1000);
  setInterval(() => document.querySelectorAll("time[data-ago]").forEach(tell), 10000);

  const zone = document.getElementById("zone");
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  if (zone && timeZone !== "UTC") say(zone, `Times are those of ${timeZone}; UTC when you point at one.`);

  // -- questions before what is dangerous, and nothing twice

  const agreed = new WeakSet();

  function question(button) {
    const dialog = document.createElement("dialog");
    const text = document.createElement("p");
    const row = document.createElement("div");
    const [no, yes] = [document.createElement("button"), document.createElement("button")];
    text.textContent = button.dataset.confirm;
    text.id = "question";
    dialog.setAttribute("aria-labelledby", text.id);
    row.className = "actions";
    no.textContent = "No, leave it";
    yes.textContent = button.textContent.trim();
    yes.className = button.className || "primary";
    no.addEventListener("click", () => dialog.close());
    yes.addEventListener("click", () => {
      dialog.close();
      agreed.add(button);
      button.form.requestSubmit(button);
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      button.focus();
    });
    row.append(no, yes);
    dialog.append(text, row);
    document.body.append(dialog);
    dialog.showModal();
  }

  document.addEventListener("submit", (event) => {
    const button = event.submitter, form = event.target;
    if (button && button.dataset.confirm && !agreed.delete(button)) {
      event.preventDefault();
      question(button);
    } else if (form.method === "post" && !form.hasAttribute("data-again")) {
      if (form.dataset.sent) event.preventDefault();
      form.dataset.sent = "yes";
      if (button) button.setAttribute("aria-disabled", "true");
    }
  });

  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) {
      delete form.dataset.sent;
      form.querySelectorAll("[aria-disabled]").forEach((button) => button.removeAttribute("aria-disabled"));
    }
  });

  // -- copying

  document.addEventListener("click", (event) => {
    const button = event.target.closest && event.target.closest("[data-copy]");
    if (!button) return;
    const word = button.lastChild, before = word.textContent;
    navigator.clipboard.writeText(button.dataset.copy).then(() => {
      if (before === "Copied") return;
      word.textContent = "Copied";
      setTimeout(() => { word.textContent = before; }, 1500);
    }, () => {});
  });

  // -- fields: a button that ticks or clears all of a group

  document.addEventListener("click", (event) => {
    const button = event.target.closest && event.target.closest("[data-tick]");
    if (!button) return;
    const boxes = [...document.querySelectorAll(`input[type=checkbox][name="${CSS.escape(button.dataset.tick)}"]`)];
    const all = boxes.every((box) => box.checked);
    boxes.forEach((box) => { box.checked = !all; });
  });
})();
