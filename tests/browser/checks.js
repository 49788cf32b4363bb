// What every page must hold, as a list of problems: returned to the test that runs it as a function body.
var problems = [];
var root = document.documentElement;

function visible(node) {
  return node.checkVisibility({ visibilityProperty: true }) && node.getClientRects().length > 0;
}
function label(node) {
  return node.outerHTML.replace(/\s+/g, " ").slice(0, 120);
}

if (!document.title.trim()) { problems.push("the page has no title"); }
if (!root.lang) { problems.push("<html> has no lang"); }
if (document.querySelectorAll("h1").length !== 1) { problems.push("there is not exactly one h1"); }
if (document.querySelectorAll("main").length !== 1) { problems.push("there is not exactly one main"); }
if (root.scrollWidth > window.innerWidth) {
  problems.push("it scrolls sideways: " + root.scrollWidth + " > " + window.innerWidth);
}

var ids = Array.from(document.querySelectorAll("[id]"), function (node) { return node.id; });
ids.forEach(function (id, at) {
  if (ids.indexOf(id) !== at) { problems.push("the id " + id + " is there twice"); }
});
document.querySelectorAll("[aria-labelledby], [aria-describedby]").forEach(function (node) {
  var named = (node.getAttribute("aria-labelledby") || "") + " " + (node.getAttribute("aria-describedby") || "");
  named.split(/\s+/).filter(Boolean).forEach(function (id) {
    if (!document.getElementById(id)) { problems.push("nothing has the id " + id + ": " + label(node)); }
  });
});

// Accessible names.
document.querySelectorAll("img").forEach(function (node) {
  if (!node.hasAttribute("alt")) { problems.push("a picture has no alt: " + label(node)); }
});
function name(node) {
  var by = node.getAttribute("aria-labelledby");
  var told = by ? by.split(/\s+/).map(function (id) { return document.getElementById(id).textContent; }).join(" ") : "";
  var labels = Array.from(node.labels || [], function (one) { return one.textContent; }).join(" ");
  var pictures = Array.from(node.querySelectorAll("img"), function (one) { return one.alt; }).join(" ");
  return [told, node.getAttribute("aria-label"), labels, node.textContent, pictures, node.title].join(" ").trim();
}
var controls = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]";
Array.from(document.querySelectorAll(controls + ", iframe")).filter(visible).forEach(function (node) {
  if (!name(node)) { problems.push("a control has no name: " + label(node)); }
});

// Focus that can be seen.
var before = document.activeElement;
Array.from(document.querySelectorAll(controls)).filter(visible).forEach(function (node) {
  node.focus({ focusVisible: true, preventScroll: true });
  if (document.activeElement !== node) { return problems.push("it cannot have the focus: " + label(node)); }
  var style = getComputedStyle(node);
  if (style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 1) {
    problems.push("its focus cannot be seen: " + label(node));
  }
  node.blur();
});
if (before && before !== document.body) { before.focus({ preventScroll: true }); }

// Contrast of text, WCAG AA. A canvas does the arithmetic of colours, whatever way they are written.
var canvas = document.createElement("canvas");
canvas.width = canvas.height = 1;
var pen = canvas.getContext("2d", { willReadFrequently: true });
function paint(colours) {
  pen.clearRect(0, 0, 1, 1);
  colours.forEach(function (colour) {
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
  });
  return Array.from(pen.getImageData(0, 0, 1, 1).data.slice(0, 3));
}
function light(rgb) {
  var parts = rgb.map(function (value) {
    value /= 255;
    return value <= 0.04045 ? value / 12.92 : Math.pow((value + 0.055) / 1.055, 2.4);
  });
  return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
}
var dark = matchMedia("(prefers-color-scheme: dark)").matches && getComputedStyle(root).colorScheme.includes("dark");
function grounds(node) {
  var list = [];
  for (var at = node; at; at = at.parentElement) { list.unshift(getComputedStyle(at).backgroundColor); }
  list.unshift(dark ? "#121212" : "#ffffff");
  return list;
}
document.querySelectorAll("body, body *").forEach(function (node) {
  var text = Array.from(node.childNodes).some(function (child) { return child.nodeType === 3 && child.data.trim(); });
  if (!text || !visible(node) || node.closest("script, style, noscript, svg, [aria-hidden=true]")) { return; }
  var style = getComputedStyle(node), ground = grounds(node);
  var front = light(paint(ground.concat(style.color))), back = light(paint(ground));
  var ratio = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
  var size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
  if (ratio < (large ? 3 : 4.5)) {
    problems.push("its contrast is only " + ratio.toFixed(2) + ": " + label(node));
  }
});

return problems;
