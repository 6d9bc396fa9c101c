// A strip of the clip's frames behind the ruler.
studio.film = (() => {
  const { drawSmall } = studio.frames;

  async function drawFilm(app, strip, key) {
    const width = Math.round((strip.height * app.clip.width) / app.clip.height);
    for (let left = 0; left < strip.width; left += width) {
      const middle = Math.min((left + width / 2) / strip.width, 1);
      await drawSmall(app, strip, Math.min(Math.floor(middle * app.clip.frames), app.clip.frames - 1), left, width);
      if (strip.dataset.key !== key) return;
    }
  }

  function showFilm(app, strip) {
    if (!app.clip || !strip.clientWidth) return;
    const key = [app.clip.key, strip.clientWidth].join();
    if (strip.dataset.key === key) return;
    strip.dataset.key = key;
    strip.width = strip.clientWidth;
    strip.height = strip.clientHeight;
    drawFilm(app, strip, key);
  }

  function film(app) {
    const strip = app.root.querySelector(".film");
    return { show: () => showFilm(app, strip) };
  }

  return film;
})();
