/**
 * Wire version of this release: the messages, their fields, and what surrounds them. A release that changes them raises it by one, and
 * sends what is new only in frames of the new version, which nodes write once it is in force.
 */
export const WIRE_VERSION = 1;
