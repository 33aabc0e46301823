/**
 * Elements and helpers that our widgets share.
 */

const SIDE = 4096; // limit in pixels, since sizes in a workflow may be too large for the memory

/**
 * A new element. Text is set as textContent, because names may come from anybody.
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
 * Add a style sheet of the folder of the scripts to the page, once.
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
 * Stop drags on a widget, and the keys that it uses, from reaching the graph.
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
 * Clear a canvas and set its resolution to that of the screen; its units are CSS pixels.
 *
 * @param {HTMLCanvasElement} canvas
 * @returns {{ context: CanvasRenderingContext2D, width: number, height: number } | null} null
 *   if it is not visible
 */
export function cleared(canvas) {
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    const context = canvas.getContext("2d");
    if (!context || width < 2 || height < 2) return null;
    const sharp = Math.max(2, window.devicePixelRatio || 1); // 2, as the graph may be zoomed
    const scale = Math.min(sharp, SIDE / width, SIDE / height);
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    context.scale(scale, scale);
    return { context, width, height };
}

/**
 * A canvas with these pixels, which can be drawn at any size.
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
