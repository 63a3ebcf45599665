// Films: play, scrub, step. Without this file the page shows each film's last frame.
"use strict";
const PAUSE_AT_END_S = 0.8;

for (const scene of document.querySelectorAll(".scene")) {
  const player = scene.querySelector(".player");
  const films = [...scene.querySelectorAll("svg.film")];
  if (!player || !films.length) continue;
  const count = Number(player.dataset.frames);
  const rate = Number(player.dataset.rate);
  const [back, play, forth] = player.querySelectorAll("button");
  const slider = player.querySelector("input");
  const clock = player.querySelector("output");
  let frame = count - 1;
  let timer = null;

  const difference = scene.querySelector(".difference");
  if (difference) {
    // The adapted model's film laid over the true one; both are in the page already.
    const over = films[0].cloneNode(true);
    const other = scene.querySelector('svg.film[data-who="adapted"] image');
    over.append(other.cloneNode(true));
    over.classList.add("differs");
    over.setAttribute("aria-label", difference.dataset.label);
    over.removeAttribute("data-who");
    difference.prepend(over);
    difference.hidden = false;
    films.push(over);
  }

  const show = (next) => {
    frame = Math.min(count - 1, Math.max(0, next));
    for (const film of films) {
      const last = Number(film.dataset.frames) - 1;
      for (const sheet of film.querySelectorAll("image")) {
        sheet.setAttribute("x", -Math.min(frame, last) * Number(film.dataset.step));
      }
    }
    for (const line of scene.querySelectorAll("line.cursor")) {
      const from = Number(line.dataset.from);
      const at = from + (Number(line.dataset.to) - from) * (frame / Math.max(1, count - 1));
      line.setAttribute("x1", at);
      line.setAttribute("x2", at);
    }
    slider.value = frame;
    const time = (frame / rate).toFixed(1) + " s";
    slider.setAttribute("aria-valuetext", time);
    clock.textContent = time + ", " + (frame + 1) + " of " + count;
  };
  const stop = () => {
    clearTimeout(timer);
    timer = null;
    play.textContent = "Play";
  };
  const tick = () => {
    const atEnd = frame === count - 1;
    show(atEnd ? 0 : frame + 1);
    timer = setTimeout(tick, 1000 / rate + (frame === count - 1 ? 1000 * PAUSE_AT_END_S : 0));
  };

  player.hidden = false;
  back.addEventListener("click", () => { stop(); show(frame - 1); });
  forth.addEventListener("click", () => { stop(); show(frame + 1); });
  play.addEventListener("click", () => {
    if (timer !== null) return stop();
    play.textContent = "Pause";
    tick();
  });
  slider.addEventListener("input", () => { stop(); show(Number(slider.value)); });
  show(count - 1);
}
