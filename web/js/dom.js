/**
 * Small parts of the page that our widgets share.
 */

const SIDE = 4096; // pixels; a workflow may say any size, and all memory is not enough for some

/**
 * A new element. Text is set as text, so that names from anybody stay text.
 *
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {string} [name] class
 * @param {string} [text]
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, name = "", text = "") {
    const made = document.createElement(tag);
    made.className = name;
    if (text) made.textContent = text;
    return made;
}

/**
 * A button that does not take part in forms.
 *
 * @param {string} name class
 * @param {string} text
 * @param {(event: MouseEvent) => void} press
 * @returns {HTMLButtonElement}
 */
export function button(name, text, press) {
    const made = element("button", name, text);
    made.type = "button";
    made.addEventListener("click", press);
    return made;
}

/**
 * Link a style sheet that lies beside the scripts, once.
 *
 * @param {string} address
 */
export function useStyle(address) {
    for (const link of document.querySelectorAll('link[rel="stylesheet"]')) {
        if (link instanceof HTMLLinkElement && link.href === address) return;
    }
    const link = element("link");
    link.rel = "stylesheet";
    link.href = address;
    document.head.append(link);
}

/**
 * Keep from the graph what is meant for a widget: drags on it, and the keys that it uses.
 *
 * @param {HTMLElement} root of the widget
 * @param {readonly string[]} keys such as "Enter"
 */
export function keepEvents(root, keys) {
    for (const kind of ["pointerdown", "dblclick"]) {
        root.addEventListener(kind, (event) => {
            if (/** @type {Element} */ (event.target).closest("button, input, select, canvas")) {
                event.stopPropagation();
            }
        });
    }
    for (const kind of ["keydown", "keyup"]) {
        root.addEventListener(kind, (event) => {
            if (keys.includes(/** @type {KeyboardEvent} */ (event).key)) event.stopPropagation();
        });
    }
}

/**
 * A canvas with as many pixels as it has on a sharp screen, empty, measured in CSS pixels.
 *
 * @param {HTMLCanvasElement} canvas
 * @returns {{ context: CanvasRenderingContext2D, width: number, height: number } | null} null
 *   where it is not shown
 */
export function cleared(canvas) {
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    const context = canvas.getContext("2d");
    if (!context || width < 2 || height < 2) return null;
    const sharp = Math.max(2, window.devicePixelRatio || 1); // the graph may be zoomed
    const scale = Math.min(sharp, SIDE / width, SIDE / height);
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    context.scale(scale, scale);
    return { context, width, height };
}

/**
 * Pixels as something that can be drawn at any size.
 *
 * @param {{ width: number, height: number, data: Uint8ClampedArray<ArrayBuffer> }} pixels
 * @returns {HTMLCanvasElement}
 */
export function drawable({ width, height, data }) {
    const canvas = element("canvas");
    canvas.width = width;
    canvas.height = height;
    canvas.getContext("2d")?.putImageData(new ImageData(data, width, height), 0, 0);
    return canvas;
}
