//! `harvester demo`: repositories of every kind on this machine, and what harvesting them is like.

mod world;
