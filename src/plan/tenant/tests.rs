mod cases;
mod change;
mod examples;
mod properties;
