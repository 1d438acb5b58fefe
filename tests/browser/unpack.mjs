// Unpack Chromium and its libraries into the temporary folder, and print where the program is.
import chromium from "@sparticuz/chromium";

console.log(await chromium.executablePath());
