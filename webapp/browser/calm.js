// Runs before gradio's scripts. What gradio shows while the page is loading counts up its seconds at
// every frame, and goes on when it is long gone: 60 frames a second of a page that rests. It counts
// once a second here.
{
  const nextFrame = window.requestAnimationFrame.bind(window);
  const COUNTS_UP = /\(performance\.now\(\)-[\w$]+\([\w$]+\)\)\/1e3/;
  window.requestAnimationFrame = (draw) => (COUNTS_UP.test(draw) ? setTimeout(draw, 1000) : nextFrame(draw));
}
