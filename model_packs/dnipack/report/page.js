"use strict";
// The films' pictures are the page's own; this only chooses which of them is looked at.
const find = (selector) => document.querySelector(selector);
const all = (selector) => [...document.querySelectorAll(selector)];
const stage = find(".stage");
const split = find(".split");
const strength = find(".strength");
const films = all(".film");
let film = films[0];

function showSplit() {
  stage.style.setProperty("--split", `${split.value}%`);
  split.setAttribute("aria-valuetext", `${Math.round(split.value)} percent`);
}

function showFrame(number) {
  const buttons = [...film.querySelectorAll("button")];
  const { strength: value, psnr } = buttons[number].dataset;
  for (const button of buttons) button.setAttribute("aria-pressed", button === buttons[number]);
  strength.value = number;
  strength.setAttribute("aria-valuetext", `${value} of 100`);
  find(".strength-value").textContent = value;
  find(".after").src = buttons[number].querySelector("img").src;
  find(".readout").textContent = `${psnr} dB; degraded ${film.dataset.before} dB`;
}

function showPhoto(number) {
  const chosen = all(".photos button")[number];
  for (const button of all(".photos button")) button.setAttribute("aria-pressed", button === chosen);
  for (const one of films) one.hidden = one !== films[number];
  film = films[number];
  find(".before").src = chosen.querySelector("img").src;
  const best = film.querySelector("[data-best]") ?? film.querySelector("button");
  showFrame(Number(best.dataset.frame));
}

split.addEventListener("input", showSplit);
strength.addEventListener("input", () => showFrame(Number(strength.value)));
for (const button of all(".photos button"))
  button.addEventListener("click", () => showPhoto(Number(button.dataset.photo)));
for (const button of all(".film button"))
  button.addEventListener("click", () => showFrame(Number(button.dataset.frame)));
showSplit();
showPhoto(0);
