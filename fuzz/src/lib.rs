//! The program, with everything in it public (see build.rs).
#![allow(unused, private_interfaces)]

include!(concat!(env!("OUT_DIR"), "/src/lib.rs"));
