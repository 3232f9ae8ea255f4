mod cases;
mod change;
mod examples;
mod preview;
mod properties;
