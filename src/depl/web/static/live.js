/* Live pages: htmx and its extension for server-sent events do the work; this sees to it that it goes on. Where streams
   do not come through (a proxy that keeps them back or cuts them), the page asks every few seconds instead, and tries a
   stream again now and then. It says so when what it shows may be old. */
"use strict";

(() => {
  const PROMPT = 8000; // ms in which a stream that comes through has said something
  const SILENT = 40000; // ms without a word: the server says something every 15 s
  const TROUBLE = 3000; // ms until it is said that the connection is interrupted
  const RETRY = 60000; // ms until a stream is tried again while the page asks
  const PIECES = 400; // of a log that are kept in the page
  const GONE = {
    401: "You are signed out. Load the page again to sign in.",
    403: "You may no longer see this.",
    404: "This is no longer there.",
  };
  const INTERRUPTED = "The connection is interrupted. This page goes on as soon as it is back.";
  const pages = new Map(); // by element

  function watch(element) {
    if (pages.has(element)) return;
    const seen = new URL(element.dataset.live, location.href).searchParams.get("after") || "";
    pages.set(element, { seen, opened: Date.now(), heard: 0, polled: 0, polling: false, leaving: false, over: false, stale: "" });
  }

  const page = (event) => pages.get((event.detail?.ctx?.sourceElement || event.target).closest?.("[data-live]"));

  function say(text) {
    const notice = document.getElementById("live-notice");
    if (!notice) return;
    notice.hidden = !text;
    if (notice.textContent !== text) notice.textContent = text;
  }

  function isFresh(one) {
    one.trouble = 0;
    if (!one.stale) say("");
  }

  function isTroubled(one, status) {
    one.trouble ||= Date.now();
    if (GONE[status]) {
      one.over = true;
      say(GONE[status]);
    }
  }

  // -- the stream

  document.addEventListener("htmx:sse:before:connection", (event) => {
    const one = page(event);
    if (!one) return;
    if (one.over) event.detail.connection.cancelled = true;
    if (one.seen) event.detail.connection.lastEventId = one.seen;
  });
  document.addEventListener("htmx:sse:after:connection", (event) => {
    const one = page(event);
    if (!one) return;
    one.opened = Date.now();
    one.leaving = false;
  });
  document.addEventListener("depl:beat", (event) => {
    const one = page(event);
    if (!one) return;
    const isPrompt = Date.now() - one.opened < PROMPT || (one.heard > one.opened && Date.now() - one.heard < SILENT);
    one.heard = Date.now();
    isFresh(one);
    if (!one.polling || !isPrompt) return;
    one.polling = false;
    one.leaving = true; // a new stream begins where the page is by now
    event.target._htmx?.sse?.reader?.cancel();
  });
  document.addEventListener("htmx:sse:before:message", (event) => {
    const one = page(event);
    const isKnown = one && (one.polling || one.leaving); // it was asked for already
    if (isKnown && !event.detail.message.event) event.detail.cancelled = true;
  });
  document.addEventListener("htmx:sse:after:message", (event) => {
    const one = page(event);
    if (!one || event.detail.message.event) return;
    one.seen = event.detail.message.id || one.seen;
    one.heard = Date.now();
    isFresh(one);
    tidy();
  });
  document.addEventListener("depl:stale", (event) => {
    const one = page(event);
    if (!one) return;
    one.stale = event.detail.data;
    say(`What you see may be old. ${one.stale}`);
  });
  document.addEventListener("depl:fresh", (event) => {
    const one = page(event);
    if (!one) return;
    one.stale = "";
    isFresh(one);
  });
  document.addEventListener("htmx:sse:error", (event) => {
    const one = page(event);
    if (one) isTroubled(one, event.detail.status);
  });

  // -- asking instead

  document.addEventListener("htmx:after:request", (event) => {
    const one = page(event), response = event.detail.ctx.response;
    if (!one) return;
    const number = response.headers.get("X-Depl-Number");
    if (response.status >= 400) return isTroubled(one, response.status);
    if (!number) return;
    one.seen = number;
    isFresh(one);
  });
  document.addEventListener("htmx:error", (event) => {
    const one = page(event);
    if (one) isTroubled(one);
  });

  function address(element, one) {
    const found = new URL(element.dataset.live, location.href);
    found.searchParams.set("after", one.seen);
    return found.pathname + found.search;
  }

  async function ask(element, one) {
    one.polled = Infinity; // while it is under way
    try {
      const asker = element.querySelector("span") || element.appendChild(document.createElement("span")); // not queued
      asker.setAttribute("hx-swap", "none");
      await htmx.ajax("GET", `${address(element, one)}&poll=1`, { source: asker, timeout: 10000 });
    } finally {
      one.polled = Date.now();
    }
  }

  function connect(element, one) {
    const stream = element._htmx?.sse;
    one.opened = Date.now();
    if (stream) stream.reader?.cancel(); // it comes back by itself
    else htmx.ajax("GET", address(element, one), { source: element });
  }

  function tend() {
    document.querySelectorAll("[data-live]").forEach(watch);
    if (document.hidden) return;
    for (const [element, one] of pages) {
      if (!element.isConnected) pages.delete(element);
      if (!element.isConnected || one.over) continue;
      const now = Date.now();
      if (one.trouble && now - one.trouble > TROUBLE && !one.stale) say(INTERRUPTED);
      if (!one.polling && now - Math.max(one.opened, one.heard) > (one.heard > one.opened ? SILENT : PROMPT)) {
        one.polling = true;
        one.tried = now;
      }
      if (!one.polling) continue;
      if (now - one.polled >= 1000 * element.dataset.refresh) ask(element, one);
      if (now - one.tried >= RETRY) {
        one.tried = now;
        connect(element, one);
      }
    }
  }

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) for (const one of pages.values()) one.opened = Date.now(); // htmx connects again
  });

  // -- what happened: fetched when it is opened; what is new is put before it

  function tidy() {
    const story = document.getElementById("story"), known = new Set();
    if (!story?.closest("details").open) return story?.replaceChildren();
    for (const event of [...story.children]) {
      if (event.id && known.has(event.id)) event.remove();
      known.add(event.id);
    }
  }

  // -- logs

  function follow(log) {
    let isAtEnd = true;
    log.scrollTop = log.scrollHeight;
    log.addEventListener("scroll", () => {
      isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    }, { passive: true });
    new MutationObserver(() => {
      while (log.childElementCount > PIECES) log.firstElementChild.remove();
      if (isAtEnd) log.scrollTop = log.scrollHeight;
    }).observe(log, { childList: true });
  }

  document.querySelectorAll("[data-live]").forEach(watch);
  document.querySelectorAll("[data-follow]").forEach(follow);
  setInterval(tend, 1000);
})();
