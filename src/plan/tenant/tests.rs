mod cases;
mod examples;
mod properties;
