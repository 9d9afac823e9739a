//! `warptick venue`: the simulated venues on their own, until Ctrl-C.

use std::io::Write;

use crate::control::config::{Config, OrderProtocol};
use crate::control::failure::Failure;
use crate::control::inputs::Inputs;
use crate::control::shutdown;
use crate::venue::server::{Clock, VenueServer};

/// Serves the venues of the captures, and publishes their feeds where the configuration has any; the day starts with the
/// first logon, or `at_once`.
///
/// # Errors
/// An address that cannot be listened on or sent from.
pub fn run(
    inputs: &Inputs,
    config: &Config,
    speed: f64,
    at_once: bool,
    out: &mut impl Write,
) -> Result<(), Failure> {
    if !(speed.is_finite() && speed > 0.0) {
        return Err(Failure::Input("--speed is a positive number".to_owned()));
    }
    let mut server = VenueServer::bind(inputs, config)?;
    server.publish(inputs, config)?;
    server.keep_hours(config)?;
    for (venue, address) in config.venues.iter().zip(server.addresses()) {
        let (name, own, client) = (&venue.name, venue.target(), &venue.sender_comp_id);
        match venue.protocol {
            OrderProtocol::Fix => {
                let version = venue.fix.begin_string();
                writeln!(
                    out,
                    "{name}: {version} acceptor on {address}, SenderCompID {own}, for TargetCompID {client}"
                )
            }
            OrderProtocol::Ouch => writeln!(out, "{name}: OUCH 5.0 acceptor on {address}"),
        }
        .map_err(|error| Failure::Input(error.to_string()))?;
    }
    for (venue, feed) in config.venues.iter().zip(server.feeds()) {
        if let Some(feed) = feed {
            writeln!(out, "{}: feed on {}", venue.name, feed.addresses())
                .map_err(|error| Failure::Input(error.to_string()))?;
        }
    }
    out.flush().map_err(|error| Failure::Input(error.to_string()))?;
    server.serve(Clock::Wall { times: speed, at_once }, shutdown::signalled);
    for note in server.notes() {
        writeln!(out, "{note}").map_err(|error| Failure::Input(error.to_string()))?;
    }
    Ok(())
}
