import js from "@eslint/js";
import globals from "globals";

const page = "web/js/**/*.js";
const checks = "tests/web/**/*.js";

/** What could run text as code, or put text into the page as markup. */
const runsText = ["innerHTML", "outerHTML", "insertAdjacentHTML", "srcdoc"].map((property) => ({
    property,
    message: "Names are untrusted: use textContent.",
}));

export default [
    { ignores: ["**/node_modules/**"] },
    { files: [page, checks], ...js.configs.recommended },
    { files: [page], languageOptions: { globals: globals.browser } },
    { files: [checks], languageOptions: { globals: globals.node } },
    {
        files: [page, checks],
        linterOptions: { reportUnusedDisableDirectives: "error" },
        rules: {
            eqeqeq: "error",
            "max-len": ["error", { code: 100, ignoreUrls: true }],
            "max-lines": ["error", 300],
            "max-lines-per-function": ["error", 40],
            "no-console": ["error", { allow: ["warn", "error"] }],
            "no-eval": "error",
            "no-implied-eval": "error",
            "no-new-func": "error",
            "no-restricted-globals": [
                "error",
                "fetch",
                "XMLHttpRequest",
                "WebSocket",
                "localStorage",
            ],
            "no-restricted-properties": ["error", ...runsText],
            "no-shadow": "error",
            "no-var": "error",
            "prefer-const": "error",
        },
    },
    // a describe() holds all tests of one subject
    { files: [checks], rules: { "max-lines-per-function": "off" } },
];
