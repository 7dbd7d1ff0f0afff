// Keeps a page current without a reload, and says when it cannot. Without this script everything works.
"use strict";

const EVERY_MS = 10000;
const offline = document.getElementById("offline");
let asOf = document.getElementById("as-of")?.textContent ?? "";

function isInUse(element) {
  const focused = document.activeElement;
  return element.contains(focused) && focused.matches("input, select, textarea, button");
}

function takeOver(fresh) {
  for (const now of document.querySelectorAll("[data-live]")) {
    const next = fresh.getElementById(now.id);
    if (next && next.outerHTML !== now.outerHTML && !isInUse(now)) {
      const focused = now.contains(document.activeElement) && document.activeElement.getAttribute("href");
      const opened = [...now.querySelectorAll("details")].map((one) => one.open);
      now.replaceWith(next);
      next.querySelectorAll("details").forEach((one, at) => { if (at in opened) one.open = opened[at]; });
      if (focused) next.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus();
    }
  }
  document.title = fresh.title;
  asOf = document.getElementById("as-of")?.textContent ?? asOf;
}

async function renew() {
  if (document.hidden) return;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, signal: AbortSignal.timeout(EVERY_MS) });
    if (!answer.ok && answer.status !== 404) throw new Error(String(answer.status));
    takeOver(new DOMParser().parseFromString(await answer.text(), "text/html"));
    offline.hidden = true;
  } catch {
    offline.querySelector("span").textContent = asOf;
    offline.hidden = false;
  }
}

async function keepRenewing() {
  await renew();
  setTimeout(keepRenewing, EVERY_MS);
}

// The filter answers while one types.
for (const form of document.querySelectorAll("form[data-filter]")) {
  let waiting;
  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      const given = [...new FormData(form)].filter(([, value]) => value);
      history.replaceState(null, "", `?${new URLSearchParams(given)}`);
      renew();
    }, 200);
  });
}

if (document.querySelector("[data-live]")) {
  setTimeout(keepRenewing, EVERY_MS);
  document.addEventListener("visibilitychange", renew);
}
