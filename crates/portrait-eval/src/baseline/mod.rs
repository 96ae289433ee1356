//! What the networks have to beat: warps of the photo that paint nothing.

mod thin_plate;
mod warp;

pub(crate) use thin_plate::thin_plate_flow;
pub(crate) use warp::warped;
