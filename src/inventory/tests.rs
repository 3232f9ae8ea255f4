//! What a view may say, on the pure core first, then with a simulated AWS behind the sweeps.

mod checks;
mod copies;
mod core;
mod ends;
mod model;
mod sweeps;
mod timetable;
