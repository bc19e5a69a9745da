//! How a browser is started.

/// The size of the part of the window that shows the page, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Size {
    /// From left to right.
    pub width: u32,
    /// From top to bottom.
    pub height: u32,
}

impl Size {
    /// A desk's screen.
    pub const DESKTOP: Self = Self { width: 1280, height: 1000 };
    /// A phone, held upright.
    pub const PHONE: Self = Self { width: 390, height: 844 };
}

/// How a browser is started.
#[derive(Debug, Clone)]
pub struct Options {
    pub(crate) size: Size,
    pub(crate) dark: bool,
    pub(crate) flags: Vec<String>,
}

impl Options {
    /// A desk's screen, light colours.
    pub const fn new() -> Self {
        Self { size: Size::DESKTOP, dark: false, flags: Vec::new() }
    }

    /// The size of the page.
    #[must_use]
    pub const fn size(mut self, size: Size) -> Self {
        self.size = size;
        self
    }

    /// Pages are told that the user prefers dark colours.
    #[must_use]
    pub const fn dark(mut self) -> Self {
        self.dark = true;
        self
    }

    /// One more flag of Chromium's, such as `--lang=de`.
    #[must_use]
    pub fn flag(mut self, flag: &str) -> Self {
        self.flags.push(flag.to_owned());
        self
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}
