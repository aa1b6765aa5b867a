// Keys for buttons, a sign of life for leases, and an answer that is kept while the connection is gone. Without this script
// every page works as plain forms.
"use strict";

const typing = (target) =>
  target instanceof HTMLElement && (target.isContentEditable || /^(TEXTAREA|SELECT)$/.test(target.tagName) ||
    (target.tagName === "INPUT" && !/^(radio|checkbox|submit|button)$/.test(target.type)));

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (typing(event.target)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const open = document.querySelector("dialog[open]");
  if (open) return;
  // Enter on a focused control is that control's own.
  if (event.key === "Enter" && event.target instanceof HTMLElement && /^(A|BUTTON|SUMMARY)$/.test(event.target.tagName)) return;
  for (const control of document.querySelectorAll("[data-key]")) {
    if (control.dataset.key !== event.key) continue;
    event.preventDefault();
    if (control.tagName === "SUMMARY") control.parentElement.open = !control.parentElement.open;
    else if (typing(control)) control.focus();
    else control.click();
    return;
  }
});

for (const button of document.querySelectorAll("[data-dialog]")) {
  button.addEventListener("click", () => document.getElementById(button.dataset.dialog).showModal());
}

// A form is sent once, and only while there is a connection; until then the page keeps it.
const offline = document.querySelector(".offline");
let kept = null;
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method === "dialog") return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  if (!navigator.onLine) {
    event.preventDefault();
    kept = { form, submitter: event.submitter };
    offline.hidden = false;
    return;
  }
  form.dataset.sent = "1";
  document.documentElement.classList.add("sending");
});
window.addEventListener("online", () => {
  offline.hidden = true;
  if (!kept) return;
  const { form, submitter } = kept;
  kept = null;
  form.requestSubmit(submitter);
});
window.addEventListener("offline", () => { offline.hidden = false; });
// Coming back through the browser's history, forms may be sent again.
window.addEventListener("pageshow", () => {
  document.documentElement.classList.remove("sending");
  for (const form of document.forms) delete form.dataset.sent;
});

// While the question is on the screen, it stays ours.
const renewed = document.querySelectorAll("form[data-renew]");
const leases = document.querySelectorAll("[data-left]");
const shown = performance.now();
if (renewed.length) {
  setInterval(() => {
    if (document.hidden || !navigator.onLine) return;
    for (const form of renewed) {
      const body = new URLSearchParams({ token: form.elements.token.value });
      fetch(form.dataset.renew, { method: "POST", body }).then((answer) => {
        if (!answer.ok || answer.redirected) return;
        // Leases are ten minutes from a sign of life.
        for (const lease of leases) lease.dataset.left = 600 + (performance.now() - shown) / 1000;
      }).catch(() => {});
    }
  }, 120000);
}
if (leases.length) {
  setInterval(() => {
    for (const lease of leases) {
      const left = Math.max(0, Math.round(Number(lease.dataset.left) - (performance.now() - shown) / 1000));
      lease.querySelector("b").textContent = Math.floor(left / 60) + ":" + String(left % 60).padStart(2, "0");
      lease.classList.toggle("ending", left < 60);
    }
  }, 1000);
}

// A file may be dropped anywhere on the import page.
const drop = document.querySelector("form.drop");
if (drop) {
  for (const name of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", name === "dragover");
      if (name === "drop" && event.dataTransfer.files.length) drop.elements.file.files = event.dataTransfer.files;
    });
  }
}
