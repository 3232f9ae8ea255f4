mod cases;
mod examples;
mod preview;
mod properties;
